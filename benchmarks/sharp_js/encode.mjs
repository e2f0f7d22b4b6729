// Encodes pictures as today's WhatsApp for Android does: mozjpeg, quality 80, 4:2:0, progressive.
// Reads lines "source target", answers each with the milliseconds that it took.
import { createInterface } from "node:readline";
import { writeFileSync } from "node:fs";
import sharp from "sharp";

sharp.concurrency(1);
for await (const line of createInterface({ input: process.stdin })) {
  const [source, target] = line.split("\t");
  const { data, info } = await sharp(source).raw().toBuffer({ resolveWithObject: true });
  const begun = performance.now();
  const made = await sharp(data, { raw: info }).jpeg({ quality: 80, mozjpeg: true }).toBuffer();
  const took = performance.now() - begun;
  writeFileSync(target, made);
  console.log(took.toFixed(1));
}
