"""Grading in a fence: each question of each student runs alone, and only plain data comes out.

The way of a submission: :mod:`submissions` finds it, :mod:`notebook` puts its cells in order,
:mod:`fence` starts :mod:`inside`, which runs them and asks for the answers' values, :mod:`scoring`
holds the values against the truth in a process that no student's code has touched, and
:mod:`batch` keeps the result. :mod:`table` and :mod:`feedback` show it.
"""
