process.on("SIGINT", () => {
  console.log("got SIGINT");
  process.exit(1);
});
setTimeout(() => {}, 60_000);
