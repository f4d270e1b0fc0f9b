console.log("two: pre");
