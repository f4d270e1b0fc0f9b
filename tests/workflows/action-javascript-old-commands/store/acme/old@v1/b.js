console.log("state: " + process.env.STATE_it);
