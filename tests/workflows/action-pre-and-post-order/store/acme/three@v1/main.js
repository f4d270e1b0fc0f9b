console.log("three: main");
