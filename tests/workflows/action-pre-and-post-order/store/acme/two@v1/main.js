console.log("two: main");
