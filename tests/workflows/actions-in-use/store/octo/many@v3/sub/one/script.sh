echo "script beside the action"
