"""Wake-ups for phones that are away: when, to whom, through which gateway. Nothing of a message is in one."""
