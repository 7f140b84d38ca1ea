"""What things cost on your machine: ``make bench``, a module a question.

Everything is a ratio. What is compared takes turns, round after round in another order, so that a
machine that slows down for a while slows all of them; a result is the median over the rounds.
"""
