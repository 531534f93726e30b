"""From a posterior to a ranked list of actions.

In: arrays (posterior, outcome tables, costs, harms) and rules. Out: the value of the best plan that begins
with each action, the plan as a tree, and gates. Imports `network` and below, never an engine.
"""
