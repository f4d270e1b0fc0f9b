import { describe, expect, test } from "bun:test";
import { Seal, SealError } from "../../server/auth/seal.ts";
import type { SessionStore } from "../../server/auth/session-store.ts";

type Opened = { sessions: SessionStore } & AsyncDisposable;

/**
 * What every session store promises about its secrets. `make` gives an empty store, and `open` opens it with one seal
 * after another.
 */
export function sealedSecretsContract(
  name: string,
  make: () => Promise<{ open(seal: Seal): Promise<Opened> } & AsyncDisposable>,
) {
  describe(`${name} keeps secrets sealed`, () => {
    test("the stored form of a secret does not contain the secret, and the key recovers it", async () => {
      await using place = await make();
      const secret = await read(place, sealBy(1));
      expect(secret).toHaveLength(32);
      expect(await read(place, sealBy(1))).toEqual(secret);
      await expect(read(place, Seal.none)).rejects.toThrow(SealError);
      await expect(read(place, sealBy(2))).rejects.toThrow("does not open them");
    });

    test("a secret that was stored unsealed keeps its value when it is sealed", async () => {
      await using place = await make();
      const secret = await read(place, Seal.none);
      expect(await read(place, sealBy(1))).toEqual(secret);
      await expect(read(place, Seal.none)).rejects.toThrow("no key was given");
    });

    test("with both keys given, a new key takes over what the old key sealed", async () => {
      await using place = await make();
      const secret = await read(place, sealBy(1));
      expect(await read(place, sealBy(2, 1))).toEqual(secret);
      expect(await read(place, sealBy(2))).toEqual(secret);
    });

    test("while keys are rotated, what the next key sealed is not sealed again with the present one", async () => {
      await using place = await make();
      const secret = await read(place, sealBy(2));
      const rotating = new Seal(() => ({ keys: [keyOf(1), keyOf(2)], next: keyOf(2) }));
      expect(await read(place, rotating)).toEqual(secret);
      expect(await read(place, sealBy(2))).toEqual(secret);
    });

    test("every secret is sealed with the first key at once", async () => {
      await using place = await make();
      const secret = await read(place, sealBy(1));
      {
        await using opened = await place.open(sealBy(2, 1));
        await opened.sessions.resealSecrets();
      }
      expect(await read(place, sealBy(2))).toEqual(secret);
      await expect(read(place, sealBy(1))).rejects.toThrow("does not open them");
    });

    test("if many servers seal a secret at once, all get the same secret", async () => {
      await using place = await make();
      await read(place, Seal.none);
      await using opened = await place.open(sealBy(1));
      const asked = await Promise.all(Array.from({ length: 20 }, () => opened.sessions.secret("one")));
      expect(new Set(asked.map((secret) => Buffer.from(secret).toString("hex"))).size).toBe(1);
    });

    test("a secret whose key is lost is replaced if that is allowed, and this is reported", async () => {
      await using place = await make();
      const secret = await read(place, sealBy(1));
      let said = 0;
      const fresh = await read(place, new Seal(() => ({ keys: [keyOf(2)], forget: () => said++ })));
      expect(fresh).not.toEqual(secret);
      expect(said).toBe(1);
      expect(await read(place, sealBy(2))).toEqual(fresh);
    });
  });
}

async function read(place: { open(seal: Seal): Promise<Opened> }, seal: Seal): Promise<Buffer> {
  await using opened = await place.open(seal);
  return Buffer.from(await opened.sessions.secret("one"));
}

function sealBy(...numbers: number[]): Seal {
  return new Seal(() => ({ keys: numbers.map(keyOf) }));
}

function keyOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}
