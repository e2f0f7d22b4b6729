// libsignal timed inside its own process, so that no pipe is measured: a line of JSON asks, a line answers.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const signal = createRequire(pathToFileURL(`${process.cwd()}/`))("@signalapp/libsignal-client");

class Records {
  constructor() { this.kept = new Map(); }
  async save(id, record) { this.kept.set(id, record); }
  async get(id) { return this.kept.get(id); }
}

class Sessions extends signal.SessionStore {
  constructor() { super(); this.kept = new Map(); }
  async saveSession(address, record) { this.kept.set(address.toString(), record); }
  async getSession(address) { return this.kept.get(address.toString()) ?? null; }
  async getExistingSessions() { return []; }
}

class Identities extends signal.IdentityKeyStore {
  constructor(key) { super(); this.key = key; }
  async getIdentityKey() { return this.key; }
  async getLocalRegistrationId() { return 7; }
  async saveIdentity() { return false; }
  async isTrustedIdentity() { return true; }
  async getIdentity() { return null; }
}

class PreKeys extends signal.PreKeyStore {
  constructor() { super(); this.records = new Records(); }
  async savePreKey(id, record) { await this.records.save(id, record); }
  async getPreKey(id) { return this.records.get(id); }
  async removePreKey() {}  // used for every session here
}

class SignedPreKeys extends signal.SignedPreKeyStore {
  constructor() { super(); this.records = new Records(); }
  async saveSignedPreKey(id, record) { await this.records.save(id, record); }
  async getSignedPreKey(id) { return this.records.get(id); }
}

class KyberPreKeys extends signal.KyberPreKeyStore {
  async saveKyberPreKey() {}
  async getKyberPreKey() { throw new Error("X3DH only"); }
  async markKyberPreKeyUsed() {}
}

class Side {
  constructor(name) {
    this.address = signal.ProtocolAddress.new(name, 1);
    this.identity = signal.PrivateKey.generate();
    this.sessions = new Sessions();
    this.identities = new Identities(this.identity);
    this.prekeys = new PreKeys();
    this.signedPrekeys = new SignedPreKeys();
  }
  async bundle() {
    const signed = signal.PrivateKey.generate(), once = signal.PrivateKey.generate();
    const signature = this.identity.sign(signed.getPublicKey().serialize());
    await this.signedPrekeys.saveSignedPreKey(
      1, signal.SignedPreKeyRecord.new(1, 0, signed.getPublicKey(), signed, signature));
    await this.prekeys.savePreKey(1, signal.PreKeyRecord.new(1, once.getPublicKey(), once));
    return signal.PreKeyBundle.new(
      7, 1, 1, once.getPublicKey(), 1, signed.getPublicKey(), signature, this.identity.getPublicKey());
  }
  async start(bundle, peer) { await signal.processPreKeyBundle(bundle, peer.address, this.sessions, this.identities); }
  async seal(plain, peer) {
    const sealed = await signal.signalEncrypt(plain, peer.address, this.sessions, this.identities);
    return [sealed.type() === signal.CiphertextMessageType.PreKey, sealed.serialize()];
  }
  async open([isPrekey, sealed], peer) {
    return isPrekey
      ? signal.signalDecryptPreKey(signal.PreKeySignalMessage.deserialize(sealed), peer.address, this.sessions,
        this.identities, this.prekeys, this.signedPrekeys, new KyberPreKeys())
      : signal.signalDecrypt(signal.SignalMessage.deserialize(sealed), peer.address, this.sessions, this.identities);
  }
}

async function pass(from, to, plain) {
  const sealed = await from.seal(plain, to);
  const opened = await to.open(sealed, from);
  if (!Buffer.from(opened).equals(plain)) throw new Error("a message did not come out as it was sealed");
  return sealed[1].length;
}

async function cpuUs(count, once) {
  const before = process.cpuUsage();
  for (let number = 0; number < count; number++) await once(number);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function answer({ what, count, text }) {
  const plain = Buffer.from(text, "hex"), alice = new Side("alice"), bob = new Side("bob");
  const bundle = await bob.bundle();
  if (what === "setup") {
    return cpuUs(count, async () => {
      alice.sessions = new Sessions();
      bob.sessions = new Sessions();
      await alice.start(bundle, bob);
      await pass(alice, bob, plain);
    });
  }
  await alice.start(bundle, bob);
  await pass(alice, bob, plain);
  await pass(bob, alice, plain);
  if (what === "added") return await pass(alice, bob, plain) - plain.length;
  const turns = what === "dh_step";
  return cpuUs(count, (number) => turns && number % 2 ? pass(bob, alice, plain) : pass(alice, bob, plain));
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
