"""The knowledge base: files enter, frozen records and problems leave.

May import `spinecast.errors` and `spinecast.resources`; neither numpy nor any other package of spinecast.
"""
