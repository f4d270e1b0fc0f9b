/** File names of the C library on Linux systems, the usual one first. */
export const LINUX_C_LIBRARIES = [
  "libc.so.6",
  "libc.so",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];
