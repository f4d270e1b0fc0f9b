console.log("late: post");
