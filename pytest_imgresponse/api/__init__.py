"""One description of an images exchange: what is asked, what a model takes, and what is answered."""
