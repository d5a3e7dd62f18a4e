"""The tutorial way: the handler hands the payload to Celery, one task an event writes it through the ORM.

Celery's settings are its defaults, the engine and its pool are SQLAlchemy's. It is written as a good tutorial
would write it: signed requests, one transaction a task, the order's row locked, older news not over newer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from celery import Celery
from sqlalchemy import DateTime, Engine, ForeignKey, Text, create_engine
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.signing import Signature
from settings import Settings

__all__ = ["Base", "apply_event", "build", "celery", "sqlalchemy_url"]

celery = Celery("tutorial", broker=Settings.load().broker_url or "memory://")


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    status: Mapped[str] = mapped_column(Text, default="pending")
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OrderEvent(Base):
    __tablename__ = "order_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_key: Mapped[str] = mapped_column(ForeignKey("orders.key"), index=True)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@cache
def engine() -> Engine:
    """Made in each worker process, after the fork."""
    return create_engine(sqlalchemy_url(Settings.load().database_url or ""))


@celery.task  # type: ignore[untyped-decorator]
def apply_event(payload: dict[str, Any]) -> None:
    key, details = payload["request_id"], payload["details"]
    occurred_at = datetime.fromtimestamp(payload["timestamp"], UTC)
    with Session(engine()) as session, session.begin():
        order = session.get(Order, key, with_for_update=True)
        if order is None:
            session.execute(insert(Order).values(key=key, status="pending").on_conflict_do_nothing())
            order = session.get_one(Order, key, with_for_update=True)
        if order.updated_at is None or order.updated_at <= occurred_at:
            is_order = payload["callback_type"] == "ORDER"
            order.status = payload["status"] if is_order else details["status"].lower()
            order.updated_at = occurred_at
        session.add(OrderEvent(order_key=key, occurred_at=occurred_at, payload=payload))


def build(settings: Settings) -> Starlette:
    signature = Signature(settings)

    async def webhook(request: Request) -> JSONResponse:
        body = await request.body()
        if not signature.holds(request, body):
            return JSONResponse({"error": "not verified"}, status_code=401)
        apply_event.delay(await request.json())
        return JSONResponse({"status": "accepted"})

    return Starlette(routes=[Route("/webhooks/truepill", webhook, methods=["POST"])])
