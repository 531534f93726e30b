"""An open probabilistic model of spine pain: findings to pain generators to what each procedure adds.

spinecast is a research and decision-support tool and not a medical device.
"""

__version__ = "0.1.0"
