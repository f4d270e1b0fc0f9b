console.log('old twelve')
