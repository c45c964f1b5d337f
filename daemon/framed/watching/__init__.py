"""From files in raw_videos to jobs."""
