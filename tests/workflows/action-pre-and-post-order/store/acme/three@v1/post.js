console.log("three: post");
