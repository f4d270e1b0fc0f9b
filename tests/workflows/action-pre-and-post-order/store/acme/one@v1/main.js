console.log("one: main");
