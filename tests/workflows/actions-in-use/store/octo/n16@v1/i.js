console.log('old sixteen')
