// libsignal behind a pipe: one request of JSON a line, one answer a line. A process of its own, started by tests/interop;
// it holds the other side of each session and the keys of that side, all made for the test.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const signal = require("@signalapp/libsignal-client");

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => Buffer.from(text, "hex");
const US = signal.ProtocolAddress.new("us", 1);
const PREKEY_ID = 31, SIGNED_PREKEY_ID = 22, REGISTRATION_ID = 7;
const ITERATIONS = 5200, FINGERPRINT_VERSION = 2;  // what Signal's apps use

class Records {
  constructor() { this.kept = new Map(); }
  save(id, record) { this.kept.set(id, record); }
  get(id) {
    if (!this.kept.has(id)) throw new Error(`no record ${id}`);
    return this.kept.get(id);
  }
}

class Sessions extends signal.SessionStore {
  constructor() { super(); this.kept = new Map(); }
  async saveSession(address, record) { this.kept.set(address.toString(), record.serialize()); }
  async getSession(address) {
    const kept = this.kept.get(address.toString());
    return kept ? signal.SessionRecord.deserialize(kept) : null;
  }
  async getExistingSessions() { return []; }
}

class Identities extends signal.IdentityKeyStore {
  constructor(key) { super(); this.key = key; }
  async getIdentityKey() { return this.key; }
  async getLocalRegistrationId() { return REGISTRATION_ID; }
  async saveIdentity() { return false; }
  async isTrustedIdentity() { return true; }
  async getIdentity() { return null; }
}

class PreKeys extends signal.PreKeyStore {
  constructor() { super(); this.records = new Records(); }
  async savePreKey(id, record) { this.records.save(id, record); }
  async getPreKey(id) { return this.records.get(id); }
  async removePreKey(id) { this.records.kept.delete(id); }
}

class SignedPreKeys extends signal.SignedPreKeyStore {
  constructor() { super(); this.records = new Records(); }
  async saveSignedPreKey(id, record) { this.records.save(id, record); }
  async getSignedPreKey(id) { return this.records.get(id); }
}

class KyberPreKeys extends signal.KyberPreKeyStore {
  async saveKyberPreKey() {}
  async getKyberPreKey() { throw new Error("X3DH only"); }
  async markKyberPreKeyUsed() {}
}

const sides = new Map();

function newSide(id) {
  const identity = signal.PrivateKey.generate();
  const side = {
    identity,
    sessions: new Sessions(),
    identities: new Identities(identity),
    prekeys: new PreKeys(),
    signedPrekeys: new SignedPreKeys(),
    kyberPrekeys: new KyberPreKeys(),
  };
  sides.set(id, side);
  return side;
}

const requests = {
  // We speak first: the other side needs keys, and we get them.
  async responder({ id }) {
    const side = newSide(id);
    const signed = signal.PrivateKey.generate(), once = signal.PrivateKey.generate();
    const signature = side.identity.sign(signed.getPublicKey().serialize());
    await side.signedPrekeys.saveSignedPreKey(SIGNED_PREKEY_ID,
      signal.SignedPreKeyRecord.new(SIGNED_PREKEY_ID, 0, signed.getPublicKey(), signed, signature));
    await side.prekeys.savePreKey(PREKEY_ID, signal.PreKeyRecord.new(PREKEY_ID, once.getPublicKey(), once));
    return {
      identity: hex(side.identity.getPublicKey().serialize()),
      signedPrekey: hex(signed.getPublicKey().serialize()),
      prekey: hex(once.getPublicKey().serialize()),
      signedPrekeyId: SIGNED_PREKEY_ID,
      prekeyId: PREKEY_ID,
    };
  },

  // The other side speaks first, with our keys. XEdDSA is not ours: libsignal signs for us.
  async initiator({ id, identitySecret, signedPrekey, prekey }) {
    const side = newSide(id);
    const ours = signal.PrivateKey.deserialize(bytes(identitySecret));
    const signed = signal.PublicKey.deserialize(bytes(signedPrekey));
    const bundle = signal.PreKeyBundle.new(
      REGISTRATION_ID, 1, prekey ? PREKEY_ID : null, prekey ? signal.PublicKey.deserialize(bytes(prekey)) : null,
      SIGNED_PREKEY_ID, signed, ours.sign(signed.serialize()), ours.getPublicKey());
    await signal.processPreKeyBundle(bundle, US, side.sessions, side.identities);
    return { identity: hex(side.identity.getPublicKey().serialize()) };
  },

  async seal({ id, plain }) {
    const side = sides.get(id);
    const sealed = await signal.signalEncrypt(bytes(plain), US, side.sessions, side.identities);
    return { kind: sealed.type(), sealed: hex(sealed.serialize()) };
  },

  async open({ id, kind, sealed }) {
    const side = sides.get(id);
    try {
      const plain = kind === signal.CiphertextMessageType.PreKey
        ? await signal.signalDecryptPreKey(signal.PreKeySignalMessage.deserialize(bytes(sealed)), US, side.sessions,
            side.identities, side.prekeys, side.signedPrekeys, side.kyberPrekeys)
        : await signal.signalDecrypt(signal.SignalMessage.deserialize(bytes(sealed)), US, side.sessions, side.identities);
      return { plain: hex(plain) };
    } catch (error) {
      return { refused: String(error.message).slice(0, 200) };
    }
  },

  async fingerprint({ localId, localKey, remoteId, remoteKey }) {
    const found = signal.Fingerprint.new(ITERATIONS, FINGERPRINT_VERSION, bytes(localId),
      signal.PublicKey.deserialize(bytes(localKey)), bytes(remoteId), signal.PublicKey.deserialize(bytes(remoteKey)));
    return { digits: found.displayableFingerprint().toString(), scannable: hex(found.scannableFingerprint().toBuffer()) };
  },

  async scan({ scanned, scanner }) {
    const [theirs, ours] = [scanned, scanner].map((code) => signal.ScannableFingerprint._fromBuffer(bytes(code)));
    return { same: ours.compare(theirs) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { request, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await requests[request](rest);
  } catch (error) {
    answer = { error: `${request}: ${error.message}` };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
