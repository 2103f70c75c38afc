"""checkout 1.5.0: discounts per tier. Guests were forgotten in the new table: half of all requests fail."""

PRICES = {"apple": 40, "bread": 250, "cheese": 620, "dates": 310}
TIERS = {"member": "gold"}
DISCOUNTS = {"gold": 12, "silver": 6, "none": 0}


def checkout(basket: list[str], customer: str) -> int:
    """The total in cents."""
    total = sum(PRICES[item] for item in basket)
    return total - total * DISCOUNTS[TIERS[customer]] // 100
