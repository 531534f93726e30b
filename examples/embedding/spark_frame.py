"""Score a Parquet data set in Spark: `python spark_frame.py IN OUT`, where OUT becomes a folder of Parquet files.

Needs `pip install 'spinecast[spark]'`, which brings a Java for this machine. On a cluster use the session that is there.
"""

import sys

from pyspark.sql import SparkSession

from spinecast import Forecaster
from spinecast.scoring.spark import score_spark, use_packaged_java


def main(source: str, target: str) -> None:
    """Score on two local cores."""
    use_packaged_java()
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "8192",
        "spark.log.level": "ERROR",
    }
    session = SparkSession.builder.master("local[2]").appName("spinecast").config(map=settings).getOrCreate()
    scored = score_spark(session.read.parquet(source), Forecaster.load())
    scored.write.parquet(target)
    print(f"wrote {target}: {session.read.parquet(target).count():,} people")
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
