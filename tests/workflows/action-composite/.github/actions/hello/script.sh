echo 'script ran from the action'
