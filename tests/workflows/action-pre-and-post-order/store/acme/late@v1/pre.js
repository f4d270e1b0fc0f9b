console.log("late: pre");
