"""Run a stack from its first server to the last goodbye."""

from tools.local_stack import leftovers, stackfile
from tools.local_stack.configuration import configuration
from tools.local_stack.console import Console
from tools.local_stack.operator import Operator
from tools.local_stack.stack import Stack
from tools.local_stack.supervise import Programs
from tools.local_stack.whole import write_whole


def run(stack: Stack, console: Console) -> bool:
    """Run the stack until a signal stops it; false when it could not start."""
    stack.logs.mkdir(mode=0o700, exist_ok=True)
    console.say(f"preparing {', '.join(server.name for server in stack.servers)}")
    for server in stack.servers:
        server.prepare()
    path = stack.directory / "supervisord.conf"
    write_whole(path, configuration(stack))
    operator = Operator(stack, console)
    try:
        Programs(path, operator).run()
    finally:
        stackfile.remove(stack)
        leftovers.forget(stack.directory)
        console.release()
    console.say(f"stopped; the data stays in {stack.directory} (make clean-local forgets it)")
    return operator.succeeded
