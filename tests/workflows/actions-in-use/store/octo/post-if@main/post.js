console.log('cleaning up after a failure');
