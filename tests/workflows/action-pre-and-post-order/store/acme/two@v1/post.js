console.log("two: post");
