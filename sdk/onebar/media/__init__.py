"""Photos, videos and voice notes: made small, stripped of what they tell about their maker, and never trusted.

Everything here is blocking work for `onebar.media.offload`, which runs it off the event loop. Photos need Pillow, which
is imported on first use; videos and voice notes need PyAV, the extra `media`.
"""
