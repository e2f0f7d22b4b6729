"""Locust's users: each is one phone, for its whole life."""

import asyncio

from locust import User, constant, task
from locust.exception import StopUser

from onebar_loadtest.fleet import Fleet
from onebar_loadtest.phones import Phone
from onebar_loadtest.process import PhonesProcess
from onebar_loadtest.registering import RegisteringError


class PhoneUser(User):
    """One phone. Override `live` for what its person does; it runs on the phones' own asyncio loop."""

    abstract = True
    wait_time = constant(0)

    @task
    def session(self) -> None:
        """Live, until Locust ends it: one task is a whole life."""
        process: PhonesProcess = self.environment.onebar.process
        try:
            process.bridge.run(self._session(process))
        except RegisteringError as error:
            self._failed("register", error)
        raise StopUser

    async def live(self, phone: Phone, fleet: Fleet) -> None:
        """Do what a person does, until cancelled: here, what the workload of the run says.

        Args:
            phone: Registered and switched on.
            fleet: All phones of this process; `fleet.say` sends a text that is accounted for.
        """
        fleet.take_part(phone)
        await asyncio.Event().wait()

    async def _session(self, process: PhonesProcess) -> None:
        phone = await process.fleet.add_phone()
        try:
            await self.live(phone, process.fleet)
        finally:
            if not process.stopping:
                await phone.leave()

    def _failed(self, what: str, error: Exception) -> None:
        self.environment.events.request.fire(
            request_type="phone", name=what, response_time=0, response_length=0, exception=error, context={}
        )
