import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

const AT = 0x40;
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;

interface RequestOptions {
  challenge: string;
  rpId?: string;
}
interface CreationOptions extends RequestOptions {
  rp: { id: string };
  user: { id: string };
}

/** An authenticator in memory with one passkey (WebAuthn Level 3, ES256, attestation "none"), and the browser around it. */
export class PlayedAuthenticator {
  readonly id = randomBytes(32);
  private readonly privateKey: KeyObject;
  private readonly point: { x: Buffer; y: Buffer };
  private userHandle = "";
  /** Sent with every answer; an authenticator without a counter sends 0. */
  counter = 0;
  isVerifying = true;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x = "", y = "" } = publicKey.export({ format: "jwk" });
    this.privateKey = privateKey;
    this.point = { x: Buffer.from(x, "base64url"), y: Buffer.from(y, "base64url") };
  }

  /** What `navigator.credentials.create` gives a page of this origin, as JSON. */
  register(options: object, origin: string) {
    const { challenge, rp, user } = options as CreationOptions;
    this.userHandle = user.id;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const credential = Buffer.concat([Buffer.alloc(16), length, this.id, this.coseKey()]);
    const authData = Buffer.concat([this.authData(rp.id, AT), credential]);
    const object = [text("fmt"), text("none"), text("attStmt"), map(0), text("authData"), bytes(authData)];
    return this.credential({
      clientDataJSON: clientData("webauthn.create", challenge, origin),
      attestationObject: Buffer.concat([map(3), ...object]).toString("base64url"),
      transports: ["internal"],
    });
  }

  /** What `navigator.credentials.get` gives a page of this origin, as JSON. */
  answer(options: object, origin: string) {
    const { challenge, rpId = "" } = options as RequestOptions;
    const authData = this.authData(rpId, 0);
    const clientDataJSON = clientData("webauthn.get", challenge, origin);
    const hash = createHash("sha256").update(Buffer.from(clientDataJSON, "base64url")).digest();
    const signature = sign("sha256", Buffer.concat([authData, hash]), this.privateKey);
    return this.credential({
      clientDataJSON,
      authenticatorData: authData.toString("base64url"),
      signature: signature.toString("base64url"),
      userHandle: this.userHandle,
    });
  }

  private credential(response: object) {
    const id = this.id.toString("base64url");
    return { id, rawId: id, type: "public-key", clientExtensionResults: {}, response };
  }

  private authData(rpId: string, flags: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    const all = flags | USER_PRESENT | (this.isVerifying ? USER_VERIFIED : 0);
    return Buffer.concat([createHash("sha256").update(rpId).digest(), Buffer.from([all]), counter]);
  }

  /** RFC 9053 §7.1.1: kty EC2, alg ES256, crv P-256, x and y. */
  private coseKey(): Buffer {
    const { x, y } = this.point;
    const head = Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01]);
    return Buffer.concat([head, Buffer.from([0x21]), bytes(x), Buffer.from([0x22]), bytes(y)]);
  }
}

function clientData(type: string, challenge: string, origin: string): string {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false })).toString("base64url");
}

/** CBOR (RFC 8949), as much as an attestation needs. */
function map(size: number): Buffer {
  return Buffer.from([0xa0 + size]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
}

function bytes(value: Buffer): Buffer {
  const { length: size } = value;
  const length = Buffer.from(size < 256 ? [0x58, size] : [0x59, size >> 8, size & 0xff]);
  return Buffer.concat([length, value]);
}
