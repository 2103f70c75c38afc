"""regions: SNS notifications of CloudWatch name the region in words. Source: AWS General Reference, region names."""

CODES = {
    "us east (n. virginia)": "us-east-1",
    "us east (northern virginia)": "us-east-1",
    "us east (ohio)": "us-east-2",
    "us west (n. california)": "us-west-1",
    "us west (oregon)": "us-west-2",
    "aws govcloud (us-east)": "us-gov-east-1",
    "aws govcloud (us-west)": "us-gov-west-1",
    "canada (central)": "ca-central-1",
    "canada west (calgary)": "ca-west-1",
    "mexico (central)": "mx-central-1",
    "south america (sao paulo)": "sa-east-1",
    "europe (ireland)": "eu-west-1",
    "europe (london)": "eu-west-2",
    "europe (paris)": "eu-west-3",
    "europe (frankfurt)": "eu-central-1",
    "europe (zurich)": "eu-central-2",
    "europe (stockholm)": "eu-north-1",
    "europe (milan)": "eu-south-1",
    "europe (spain)": "eu-south-2",
    "africa (cape town)": "af-south-1",
    "israel (tel aviv)": "il-central-1",
    "middle east (bahrain)": "me-south-1",
    "middle east (uae)": "me-central-1",
    "asia pacific (mumbai)": "ap-south-1",
    "asia pacific (hyderabad)": "ap-south-2",
    "asia pacific (tokyo)": "ap-northeast-1",
    "asia pacific (seoul)": "ap-northeast-2",
    "asia pacific (osaka)": "ap-northeast-3",
    "asia pacific (singapore)": "ap-southeast-1",
    "asia pacific (sydney)": "ap-southeast-2",
    "asia pacific (jakarta)": "ap-southeast-3",
    "asia pacific (melbourne)": "ap-southeast-4",
    "asia pacific (malaysia)": "ap-southeast-5",
    "asia pacific (thailand)": "ap-southeast-7",
    "asia pacific (hong kong)": "ap-east-1",
    "china (beijing)": "cn-north-1",
    "china (ningxia)": "cn-northwest-1",
}


def region_code(name: str) -> str:
    """The code of a region's name; "EU (...)" is old for "Europe (...)". A code, as emulators send it, stays."""
    lowered = name.strip().lower().replace("são", "sao")
    lowered = f"europe{lowered[2:]}" if lowered.startswith("eu (") else lowered
    return CODES.get(lowered, name)
