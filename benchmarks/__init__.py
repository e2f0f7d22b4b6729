"""The figures: what Onebar costs on the wire, in a phone and in a server, each beside a goal and a peer."""
