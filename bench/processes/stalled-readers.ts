/**
 * Opens connections that ask for the log of a job and then read nothing. The arguments are the job's id and their number;
 * URL and token are in BENCH_URL and BENCH_TOKEN. Says "ready" when all have been answered, and runs until it is killed.
 */
import { connect } from "node:net";

const [jobId = "", number = "1000"] = process.argv.slice(2);
const { BENCH_URL = "", BENCH_TOKEN: token = "" } = process.env;
const { hostname, port } = new URL(BENCH_URL);
const head = [
  `GET /api/compute/jobs/${jobId}/logs/stream?follow=true HTTP/1.1`,
  `Host: ${hostname}:${port}`,
  `Authorization: Bearer ${token}`,
  "Accept: text/event-stream",
];
await Promise.all(Array.from({ length: Number(number) }, openOne));
console.log("ready");

function openOne(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${head.join("\r\n")}\r\n\r\n`));
    socket.on("error", reject);
    socket.once("data", (chunk) => {
      socket.pause();
      if (chunk.toString("latin1").startsWith("HTTP/1.1 200")) resolve();
      else reject(new Error(chunk.toString("latin1")));
    });
  });
}
