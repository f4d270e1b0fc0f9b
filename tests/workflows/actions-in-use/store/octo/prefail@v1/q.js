console.log('post')
