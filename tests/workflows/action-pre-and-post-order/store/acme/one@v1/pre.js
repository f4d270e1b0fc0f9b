console.log("one: pre");
