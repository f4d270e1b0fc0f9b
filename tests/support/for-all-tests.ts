import { afterAll } from "bun:test";

/**
 * Shares a resource between all tests of a file, and disposes of it after the last test: `const person =
 * forAllTests(await Person.withServer());`
 */
export function forAllTests<T extends AsyncDisposable>(resource: T): T {
  afterAll(() => resource[Symbol.asyncDispose]());
  return resource;
}
