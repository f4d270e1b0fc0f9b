console.log("three: pre");
