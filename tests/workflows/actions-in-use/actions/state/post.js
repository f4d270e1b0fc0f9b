if (process.env.STATE_mystate1 !== 'old') process.exit(1);
console.log(`post sees mystate0=${process.env.STATE_mystate0} and multi=${process.env.STATE_multi}`);
