console.log("late: main");
