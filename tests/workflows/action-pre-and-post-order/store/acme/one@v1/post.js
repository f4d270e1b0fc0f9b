console.log("one: post");
