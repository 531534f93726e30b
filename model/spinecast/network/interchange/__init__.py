"""The exported network as files of other programs: BIF, XMLBIF, NET, UAI and XDSL, one module a format.

Nodes enter (`network.export`), text leaves; numbers are written so that they read back to the same float. Every file
carries the clamp without which its answers are wrong, in whatever way its format has.
"""
