console.log("::set-output name=way::old");
console.log("::save-state name=it::kept");
