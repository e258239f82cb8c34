"""The subcommands of `runnel`, one a file: DESCRIPTION, EXAMPLES, configure(parser), run(args).

At import they need argparse only; what they use is imported when they run.
"""
