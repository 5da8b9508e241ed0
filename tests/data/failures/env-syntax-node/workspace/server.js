const port = ;
console.log(port);
