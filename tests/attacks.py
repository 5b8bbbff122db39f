"""Answers that attack the grader, as data: what each tries, its code, what it may honestly earn, and how it shows.

All stand in the answer `normalize`. Its wrong implementation WRONG returns a copy of x, which honestly earns what
`input_unchanged` gives. LEAK is how an attack tries to carry text out: it raises an exception that spells it.
"""

from dataclasses import dataclass

WRONG = """
def normalize(x, mean, var, eps):
    return x.clone()
"""
HONEST = 0.25


@dataclass(frozen=True)
class Attack:
    """One attack. *earns* are the points of the checks it really solves; *flag* the code it shows as, if any."""

    name: str
    tries: str
    source: str
    earns: float = HONEST
    flag: str | None = None


ATTACKS = [
    # A: make the process that decides say yes
    Attack(
        "input-transformer",
        "turns later cells into pass",
        WRONG + "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
        earns=0,
    ),
    Attack(
        "ast-transformer",
        "removes every assert and raise from later cells",
        WRONG
        + """
import ast
class Remove(ast.NodeTransformer):
    def visit_Assert(self, node): return None
    def visit_Raise(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Remove())
""",
    ),
    Attack(
        "always-equal",
        "returns an object that equals everything",
        """
class Equal:
    shape = (6, 5)
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __getitem__(self, i): return self
def normalize(x, mean, var, eps):
    return Equal()
""",
        earns=HONEST,  # a list of its shape and the untouched inputs are what input_unchanged looks at
    ),
    Attack(
        "no-error-is-reported",
        "patches the kernel so that every request succeeds",
        WRONG
        + """
async def fine(*a, **k):
    return {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {}}
get_ipython().kernel.do_execute = fine
""",
        earns=0,
    ),
    Attack(
        "partial-credit",
        "shows a number while a check runs",
        """
import sys
def normalize(x, mean, var, eps):
    sys.displayhook(2)
    get_ipython().displayhook(6)
    return x.clone()
""",
    ),
    Attack(
        "observe-replaced",
        "replaces observe by one that reports zeros and truths",
        WRONG
        + """
import autograder.inside, autograder.inside.check as check, torch
real = check.observe
def observe(**values):
    real(**{k: torch.zeros_like(v) if isinstance(v, torch.Tensor) else True for k, v in values.items()})
autograder.inside.observe = check.observe = observe
""",
        earns=0.5,  # zeros are right for the constant channel; the inputs, zeroed, are not
    ),
    Attack(
        "runner-replaced",
        "replaces the function that runs the checks by one that says all is well",
        WRONG
        + """
import autograder.inside
def run_checks(checks):
    print('15 of 15 points', [name for name, seed, source in checks])
autograder.inside.run_checks = run_checks
""",
        earns=0,
    ),
    Attack(
        "forged-reports",
        "reports in the checks' names before they end",
        """
from IPython.display import publish_display_data
from autograder.inside import MIME_TYPE
NAMES = ['given_stats_2d', 'given_stats_4d', 'large_eps_inside_sqrt', 'zero_variance_is_finite', 'C_equals_W_trap',
         'input_unchanged']
def normalize(x, mean, var, eps):
    for name in NAMES:
        report = {'check': 'normalize--' + name, 'error': None, 'seconds': 0,
                  'observations': [{'rtol': 1e9, 'atol': 1e9, 'values': {'x_hat': None}}]}
        publish_display_data({MIME_TYPE: report, 'text/plain': ''})
    return x.clone()
""",
        earns=0,
        flag="interference",
    ),
    Attack(
        "odd-reports",
        "reports what no check reports: wrong types, deep nesting, numbers that JSON has not",
        """
from IPython.display import publish_display_data
from autograder.inside import MIME_TYPE
deep = 1
for _ in range(400): deep = {'list': [deep]}
REPORTS = [None, 3, 'text', [], {}, {'check': None}, {'check': ['normalize--given_stats_2d']}, {'check': 'other'},
           {'check': 'normalize--given_stats_2d', 'observations': {}, 'error': 3},
           {'check': 'normalize--given_stats_4d', 'observations': [deep], 'error': []},
           {'check': 'normalize--large_eps_inside_sqrt', 'observations': [{'values': {'x_hat': float('nan')}}]},
           {'check': 'normalize--large_eps_inside_sqrt', 'observations': [1] * 10000, 'error': {'name': {}}}]
def normalize(x, mean, var, eps):
    for report in REPORTS:
        publish_display_data({MIME_TYPE: report, 'text/plain': ''})
    return x.clone()
""",
        flag="interference",
    ),
    Attack(
        "reports-from-a-thread",
        "goes on reporting from a thread while other answers are graded",
        WRONG
        + """
import threading, time
from IPython.display import publish_display_data
from autograder.inside import MIME_TYPE
def go_on():
    while True:
        report = {'check': 'scale_shift--nontrivial_2d', 'error': None, 'seconds': 0, 'observations': []}
        publish_display_data({MIME_TYPE: report, 'text/plain': ''})
        time.sleep(0.001)
threading.Thread(target=go_on, daemon=True).start()
""",
        flag="interference",
    ),
    Attack(
        "observed-twice",
        "observes a second time, with other tolerances",
        """
import autograder.inside.check as check
def normalize(x, mean, var, eps):
    check.observe(atol=1e9, rtol=1e9, x_hat=x)
    return x.clone()
""",
        earns=0,
    ),
    Attack(
        "lying-tensor",
        "returns a tensor subclass that answers for itself",
        """
import torch
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.zeros(6, 5)
def normalize(x, mean, var, eps):
    return x.clone().as_subclass(Liar)
""",
        earns=0,
    ),
    Attack(
        "samples-are-zeros",
        "makes torch draw zeros, so that anything is right",
        WRONG
        + """
import torch
torch.randn = lambda *shape, **k: torch.zeros(*shape)
""",
        earns=0,
    ),
    Attack(
        "specification-called",
        "calls the specification instead of writing an answer",
        "def normalize(x, mean, var, eps):\n    return normalize_loops(x, mean, var, eps)",
        earns=0,
    ),
    Attack(
        "honest-beside-an-attack",
        "is right, and attacks all the same: what is really solved still counts",
        """
import torch, sys
def normalize(x, mean, var, eps):
    sys.displayhook(100)
    shape = [1, -1] + [1] * (x.dim() - 2)
    return (x - mean.view(shape)) / torch.sqrt(var.view(shape) + eps)
""",
        earns=2.5,
    ),
    # B: find out what is wanted, or carry it out
    Attack(
        "callers-bytecode",
        "reads its caller's code and looks for numbers to return",
        """
import sys, dis, torch
def normalize(x, mean, var, eps):
    frame, found = sys._getframe(1), []
    while frame:
        found += [c for c in frame.f_code.co_consts if isinstance(c, (float, torch.Tensor))]
        frame = frame.f_back
    return torch.full_like(x, found[0] if found else 0.0)
""",
    ),
    Attack(
        "leak-by-exception",
        "raises the source of the check, named and quoted in every way",
        """
import sys
def normalize(x, mean, var, eps):
    secret = str(In[-1]) + str(sys._getframe(1).f_code.co_names) + repr(sys._getframe(2).f_locals)
    raise type(secret[:90].replace("'", ''), (Exception,), {})(secret)
""",
        earns=0,
    ),
    Attack(
        "leak-by-common-exception",
        "dresses the source of the check up as a message that Python writes",
        """
def normalize(x, mean, var, eps):
    raise NameError("name '" + ''.join(c if c.isalnum() else '_' for c in In[-1])[:60] + "' is not defined")
""",
        earns=0,
    ),
    Attack(
        "leak-by-output",
        "prints and displays the source of the check, plain, reversed and in base64",
        """
import base64
from IPython.display import display, HTML
def normalize(x, mean, var, eps):
    for text in (In[-1], In[-1][::-1], base64.b64encode(In[-1].encode()).decode()):
        print(text)
        display(HTML('<pre>' + text + '</pre>'))
    return x.clone()
""",
    ),
    Attack(
        "leak-by-error-line",
        "raises in a line whose text it hopes to have changed",
        """
import linecache
def normalize(x, mean, var, eps):
    for name in list(linecache.cache):
        linecache.cache[name] = (1, None, [In[-1]] * 50, name)
    raise ValueError(In[-1])
""",
        earns=0,
    ),
    Attack(
        "search-memory",
        "goes through all objects of the process for expected values",
        """
import gc, torch
def normalize(x, mean, var, eps):
    for thing in gc.get_objects():
        if isinstance(thing, dict) and 'expected' in thing and 'variants' in thing:
            return torch.tensor(thing['expected'])
        if isinstance(thing, torch.Tensor) and thing.shape == x.shape and thing is not x:
            return thing.clone()
    return x.clone()
""",
    ),
    Attack(
        "files-of-the-course",
        "opens the solution, the key and the gradebook by every path it can think of",
        """
import glob, os, torch
def normalize(x, mean, var, eps):
    found = []
    for up in range(8):
        for name in ('solutions', 'gradebook.db', '.autograder', 'submitted', 'nbgrader_config.py', 'autograder'):
            found += glob.glob('../' * up + name) + glob.glob('/' * (up == 0) + '*/' * up + name)
    for pid in filter(str.isdigit, os.listdir('/proc')):
        for place in ('cwd', 'root'):
            try: found += [f for f in os.listdir(f'/proc/{pid}/{place}') if f in ('solutions', 'submitted')]
            except OSError: pass
    return torch.full_like(x, float('nan')) if found else x.clone()
""",
    ),
    # C: reach the machine
    Attack(
        "gradebook",
        "sets its own score in the gradebook",
        WRONG
        + """
import sqlite3, os
for path in ('../../../gradebook.db', '/srv/course/gradebook.db', os.path.expanduser('~/gradebook.db')):
    try:
        with sqlite3.connect(path) as db:
            db.execute('update grade set manual_score = 99')
    except Exception: pass
""",
    ),
    Attack(
        "environment-and-network",
        "looks for secrets in the environment and for somebody to talk to",
        """
import os, socket, torch
def normalize(x, mean, var, eps):
    bad = [name for name in os.environ if 'SECRET' in name or 'TOKEN' in name]
    for address in (('127.0.0.1', 22), ('127.0.0.1', PORT), ('1.1.1.1', 53), ('10.0.0.1', 80)):
        try:
            socket.create_connection(address, 0.2); bad.append(address)
        except OSError: pass
    try: socket.getaddrinfo('pypi.org', 443); bad.append('names')
    except OSError: pass
    return torch.full_like(x, float('nan')) if bad else x.clone()
PORT = 0
""",
    ),
    Attack(
        "write-to-the-system",
        "changes the environment that the next submission uses",
        """
import os, sys, torch
def normalize(x, mean, var, eps):
    bad = []
    for place in (os.path.dirname(torch.__file__), sys.prefix, '/usr/lib', '/etc', '/opt/autograder', '/', '/dev'):
        try:
            with open(os.path.join(place, 'sitecustomize.py'), 'w') as f: f.write('x')
            bad.append(place)
        except OSError: pass
    for command in ('mount -t tmpfs none /mnt', 'unshare -Ur true', 'sudo -n true', 'su -c true'):
        if os.system(command + ' >/dev/null 2>&1') == 0: bad.append(command)
    return torch.full_like(x, float('nan')) if bad else x.clone()
""",
    ),
    Attack(
        "reach-the-guard",
        "kills, stops, traces and limits every process it can see",
        """
import ctypes, os, resource, signal, torch
def normalize(x, mean, var, eps):
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        try: os.kill(1, number)
        except OSError: pass
    traced = libc.ptrace(16, 1, 0, 0)
    try: memory = open('/proc/1/mem', 'rb+')
    except OSError: memory = None
    limited = priority = True
    try: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))
    except (OSError, ValueError): limited = False
    try: os.setpriority(os.PRIO_PROCESS, 1, 19)
    except OSError: priority = False
    reached = traced == 0 or memory or limited or priority
    return torch.full_like(x, float('nan')) if reached else x.clone()
""",
    ),
    Attack(
        "overwrite-python",
        "writes to the program that runs it",
        """
import os, torch
def normalize(x, mean, var, eps):
    bad = 0
    for path in ('/proc/self/exe', '/proc/1/exe', os.path.realpath('/proc/self/exe'), torch._C.__file__):
        try: os.close(os.open(path, os.O_RDWR)); bad += 1
        except OSError: pass
    return torch.full_like(x, float('nan')) if bad else x.clone()
""",
    ),
    # D: steer those who read
    Attack(
        "script-in-output",
        "displays a script and calls things by names that are HTML",
        """
from IPython.display import display, HTML, Javascript
class Odd(Exception): pass
Odd.__name__ = '<script>alert(1)</script>'
def normalize(x, mean, var, eps):
    display(HTML('<script>alert(1)</script>'), Javascript('alert(1)'))
    raise Odd('<img src=x onerror=alert(1)>')
""",
        earns=0,
    ),
    Attack(
        "one-long-line",
        "prints 50 MB on one line",
        """
def normalize(x, mean, var, eps):
    print('x' * 50_000_000)
    return x.clone()
""",
        earns=None,  # a message of that length ends the connection; the checks around it are lost with it, or not
    ),
    Attack(
        "many-lines",
        "prints twenty thousand lines, in colour",
        """
def normalize(x, mean, var, eps):
    for number in range(20_000): print('\\x1b[31m', number)
    return x.clone()
""",
    ),
    # E: outlive, outgrow, or stop the run
    Attack(
        "daemon",
        "leaves a process behind that detaches itself",
        WRONG
        + """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            try: open('/tmp/still-here', 'a').write('x')
            except OSError: pass
            time.sleep(0.01)
    os._exit(0)
""",
    ),
    Attack("exit-in-an-answer", "ends Python in its answer", WRONG + "import os; os._exit(0)", earns=0),
    Attack(
        "exit-in-a-check",
        "ends Python while a check runs",
        "import os\ndef normalize(x, mean, var, eps):\n    os._exit(0)",
        earns=0,
    ),
    Attack(
        "crash-in-c",
        "reads from address 0",
        "import ctypes\ndef normalize(x, mean, var, eps):\n    ctypes.string_at(0)",
        earns=0,
    ),
    Attack(
        "endless-loop",
        "never returns",
        "def normalize(x, mean, var, eps):\n    while True: pass",
        earns=0,
    ),
    Attack(
        "endless-and-deaf",
        "never returns, whatever is raised in it",
        """
import signal
def normalize(x, mean, var, eps):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
        earns=0,
    ),
    Attack(
        "fork-bomb",
        "forks for ever",
        """
import os
def normalize(x, mean, var, eps):
    while True: os.fork()
""",
        earns=0,
    ),
    Attack(
        "memory-bomb",
        "keeps what it allocates",
        """
import torch
kept = []
def normalize(x, mean, var, eps):
    while True: kept.append(torch.ones(50_000_000))
""",
        earns=0,
    ),
    Attack(
        "shared-memory-bomb",
        "asks for memory in ways that do not count as its own",
        """
import ctypes, mmap, os
kept = []
def normalize(x, mean, var, eps):
    try: kept.append(os.memfd_create('x'))
    except OSError: pass
    libc = ctypes.CDLL(None, use_errno=True)
    kept.append(libc.shmget(0, 1 << 32, 0o1600))
    while True:
        block = mmap.mmap(-1, 256 << 20)
        block.write(b'x' * (256 << 20))
        kept.append(block)
""",
        earns=0,
    ),
    Attack(
        "disk-bomb",
        "writes until nothing more fits, everywhere it may",
        """
import itertools, os
def normalize(x, mean, var, eps):
    for place in ('/tmp', '/home/student', '/dev/shm', '/run'):
        for number in itertools.count():
            try:
                with open(f'{place}/{number}', 'wb') as file: file.write(b'x' * (8 << 20))
            except OSError: break
    return x.clone()
""",
    ),
    Attack(
        "huge-observation",
        "makes a check observe more than it may",
        """
import torch
def normalize(x, mean, var, eps):
    return torch.zeros(3000, 3000)
""",
        earns=0,
    ),
    Attack(
        "garbage-on-the-wire",
        "sends what is no message on the kernel's own sockets",
        """
def normalize(x, mean, var, eps):
    kernel = get_ipython().kernel
    odd = [b'kernel', b'<IDS|MSG>', b'sig', b'{', b'{', b'{', b'\\xff']
    for parts in ([b''], [b'x'] * 3, odd, [b'\\x00' * 100000]):
        kernel.iopub_socket.send_multipart(parts)
    return x.clone()
""",
        earns=None,
    ),
]
