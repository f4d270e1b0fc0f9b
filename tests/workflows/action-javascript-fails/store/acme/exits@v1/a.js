console.log("::error::it cannot be done");
process.exitCode = 1;
