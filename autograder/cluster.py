"""Runs notebooks on a Dask cluster: the same pure function, on other machines, without a file system in common."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from autograder.errors import GraderError
from autograder.lesson import Notebook
from autograder.limits import Limits
from autograder.run import run
from autograder.workers import Outcomes, crashed

if TYPE_CHECKING:
    from distributed import Client

Name = TypeVar("Name")


class Cluster:
    """The workers of the Dask scheduler at *address*, ``tcp://HOST:PORT``. Each has a sandbox of its own."""

    def __init__(self, address: str, limits: Limits, seed: int) -> None:
        self.address, self.limits, self.seed = address, limits, seed
        self._client: Client | None = None

    def __enter__(self) -> "Cluster":
        """Connect. Raises GraderError where Dask is not installed, or nobody answers."""
        try:
            from distributed import Client
        except ImportError:
            raise GraderError(
                "Dask is not installed; install it with: pip install 'autograder[distributed]'."
            ) from None
        try:
            self._client = Client(self.address, timeout="10s", set_as_default=False)
            self._client.wait_for_workers(1, timeout="30s")
        except (OSError, TimeoutError, ValueError) as error:
            self.__exit__()
            raise GraderError(
                f"There is no Dask scheduler with workers at {self.address}; start them with `dask scheduler` and "
                "`dask worker ADDRESS --nthreads 1 --nworkers auto`."
            ) from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._client is not None:
            self._client.close()

    def run(self, notebooks: Iterable[tuple[Name, Notebook]]) -> Iterator[tuple[Name, Outcomes]]:
        """Yield (name, outcomes) as they become ready. Notebooks are sent as workers come free, not all at once.

        What a lost worker was running is run again elsewhere, by Dask. A notebook that loses one worker after the
        other has crashed the grader, and every cell of it says so. Raises GraderError where all workers are gone.
        """
        from distributed import KilledWorker, as_completed

        assert self._client is not None, "enter the context first"
        names: dict[Any, tuple[Name, Notebook]] = {}
        more = iter(notebooks)
        arriving = as_completed(loop=self._client.loop, raise_errors=False)

        def send() -> None:
            assert self._client is not None
            for name, notebook in more:
                future = self._client.submit(run, notebook, self.limits, self.seed, pure=False)
                names[future.key] = name, notebook
                arriving.add(future)
                return

        for _ in range(2 * max(1, sum(self._client.nthreads().values()))):
            send()
        for future in arriving:
            name, notebook = names.pop(future.key)
            try:
                yield name, future.result()
            except KilledWorker:
                yield name, crashed(notebook)
            send()
