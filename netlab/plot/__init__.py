"""Figures: a table in, a picture with an alt text and a fingerprint out.

Data first, everything else by keyword, ``ax=None``, and nothing is ever "shown": the last line of a cell is. A
guess comes in as ``prediction=``, what the simulator knows as ``truth=``; both are drawn as labelled lines.
"""

from netlab.plot.began_with import initial_ttls
from netlab.plot.beside_truth import beside_truth
from netlab.plot.crowd_over_time import crowd
from netlab.plot.dot import to_dot
from netlab.plot.figure import Figure
from netlab.plot.found_by_flows import next_hops
from netlab.plot.framing_strip import framing
from netlab.plot.freshness import freshness
from netlab.plot.hits_per_size import hit_ratio
from netlab.plot.hop_ladder import hops
from netlab.plot.interval import loss
from netlab.plot.kinds import outcomes
from netlab.plot.log_over_time import exchanges
from netlab.plot.loss_per_hop import hop_loss
from netlab.plot.map import topology
from netlab.plot.over_load import over_load
from netlab.plot.over_time import rtt
from netlab.plot.page_time_lines import page_times
from netlab.plot.parts import delays
from netlab.plot.path_graph import path
from netlab.plot.phases_per_object import waterfall
from netlab.plot.probe_matrix import probes
from netlab.plot.reading import reads
from netlab.plot.rtt_and_queue import over_queue
from netlab.plot.rtt_and_size import over_size
from netlab.plot.sequence_diagram import sequence
from netlab.plot.spread import distribution
from netlab.plot.state_machine import states
from netlab.plot.stream_progress import progress
from netlab.plot.times_per_hop import hop_times
from netlab.plot.tree import decisions
from netlab.plot.way_on_map import world_map

__all__ = [
    "Figure", "beside_truth", "crowd", "decisions", "delays", "distribution", "exchanges", "framing", "freshness",
    "hit_ratio", "hop_loss", "hop_times", "hops", "initial_ttls", "loss", "next_hops", "outcomes", "over_load",
    "over_queue", "over_size", "page_times", "path", "probes", "progress", "reads", "rtt", "sequence", "states",
    "to_dot", "topology", "waterfall", "world_map",
]  # fmt: skip
