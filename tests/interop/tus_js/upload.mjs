// Uploads a file with tus-js-client, aborting and resuming at the given offsets; prints the upload's address.
import { readFileSync } from "node:fs";
import * as tus from "tus-js-client";

const { endpoint, file, headers, chunkSize, cuts } = JSON.parse(process.argv[2]);
const data = readFileSync(file);

function run(uploadUrl, cut) {
  return new Promise((resolve, reject) => {
    let last = null;
    const upload = new tus.Upload(data, {
      endpoint, uploadUrl, headers, chunkSize, retryDelays: null, storeFingerprintForResuming: false,
      onError: reject,
      onSuccess: () => resolve([upload.url, true]),
      onProgress: (sent) => {
        if (cut !== undefined && sent > cut && last === null) {
          last = upload.abort().then(() => resolve([upload.url, false]));
        }
      },
    });
    upload.start();
  });
}

let url = null, done = false;
for (const cut of cuts) {
  [url, done] = await run(url, cut);
  if (done) break;
}
if (!done) [url] = await run(url, undefined);
console.log(url);
