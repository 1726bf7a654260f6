"""Graph networks against the same network by hand, dense against sparse, and wrong graphs."""

import pytest
import torch
from reference_graph import network as by_hand
from torch import Tensor

from plusx import InputError, create, units
from plusx.zoo import Network
from plusx.zoo.graph import Spread, graphs, normalise
from randomise import randomise


def random_network(depth: int = 4) -> Network:
    model = create(f"residual_gcn{depth}", num_classes=5, in_channels=7).double()
    randomise(model)
    return model


def example(nodes: int = 9) -> tuple[Tensor, Tensor]:
    x, adjacency = graphs(3, 7, nodes)
    return x.double(), adjacency.double()


@pytest.mark.parametrize("depth", [2, 8])
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(depth: int, training: bool) -> None:
    model = random_network(depth).train(training)
    x, adjacency = example()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = by_hand(x, adjacency, state, training=training)
        assert (model(x, adjacency) - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
def test_dense_and_sparse_agree(layout: torch.layout) -> None:
    model = random_network()
    x, (adjacency, *_) = example()
    x.requires_grad_()
    found = []
    for graph in (adjacency.expand(3, -1, -1), adjacency, adjacency.to_sparse(layout=layout)):
        model.zero_grad()
        y = model.train()(x, graph)
        y.square().sum().backward()
        found.append((y, *(parameter.grad for parameter in model.parameters())))
        found[-1] += (x.grad,)
        x.grad = None
    for others in found[1:]:
        assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(found[0], others))


def test_dense_and_sparse_are_normalised_alike() -> None:
    _, (adjacency, *_) = example()
    adjacency = adjacency * torch.rand(9, 9).double()
    adjacency = adjacency + adjacency.T + 3 * torch.eye(9)  # weights, and loops of its own
    dense, sparse = normalise(adjacency), normalise(adjacency.to_sparse())
    assert sparse.layout == torch.sparse_coo
    assert torch.allclose(sparse.to_dense(), dense)
    # one neighbour's share is the same both ways, and D^1/2 1 stays what it is
    degree = (adjacency + torch.eye(9)).sum(1).sqrt()
    assert torch.allclose(dense, dense.T)
    assert torch.allclose(dense @ degree, degree)


def test_sparse_works_in_half_precision() -> None:
    model = create("residual_gcn2", num_classes=5, in_channels=7).eval()
    x, (adjacency, *_) = graphs(3, 7, 9)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model(x, adjacency.to_sparse()).float()
    with torch.no_grad():
        want = model(x, adjacency)
        halved = model.bfloat16()(x.bfloat16(), adjacency.to_sparse()).float()
    for half in (found, halved):
        assert (half - want).abs().max() <= 0.1 * want.abs().max()


def test_the_order_of_nodes_does_not_matter() -> None:
    model = random_network().eval()
    x, adjacency = example()
    order = torch.randperm(9)
    with torch.no_grad():
        turned = model(x[:, order], adjacency[:, order][:, :, order])
        assert torch.allclose(model(x, adjacency), turned)


def test_a_node_without_edges_sees_itself() -> None:
    assert torch.equal(normalise(torch.zeros(4, 4)), torch.eye(4))
    x = torch.randn(2, 3, 4)
    assert torch.equal(Spread()(x, torch.eye(4)), x)


def test_a_unit_sees_one_step_of_the_graph_further() -> None:
    path = torch.diag(torch.ones(5), 1) + torch.diag(torch.ones(5), -1)
    for depth in (1, 2, 3):
        model = random_network(depth).eval()
        x = torch.randn(1, 6, 7).double().requires_grad_()
        model.stages(model.stem(x), path.double())[0, :, 0].sum().backward()
        assert x.grad is not None
        seen = x.grad[0].abs().sum(1) > 0
        assert seen.tolist() == [node <= depth for node in range(6)]


@pytest.mark.parametrize("norm", ["group", "layer", "instance", "none"])
def test_norms_activations_and_stochastic_depth_are_exchanged(norm: str) -> None:
    options = {"norm": norm, "activation": "gelu", "drop_path": 0.2}
    model = create("residual_gcn8", num_classes=5, in_channels=7, **options)
    assert model(*graphs(3, 7, 9)).isfinite().all()
    assert len(units(model)) == 8


def test_wrong_graphs_are_refused() -> None:
    model = create("residual_gcn2", in_channels=7)
    x, adjacency = graphs(3, 7, 9)
    with pytest.raises(ValueError, match=r"takes \(x, adjacency\), not 0 after x"):
        model(x)
    with pytest.raises(ValueError, match=r"not 2 after x"):
        model(x, adjacency, adjacency)
    for wrong in (adjacency[:, :4, :4], adjacency[0, 0], adjacency.to_sparse()):
        with pytest.raises(ValueError, match=r"features of 9 nodes need \(B, 9, 9\)"):
            model(x, wrong)


@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_coo])
def test_negative_weights_are_refused(layout: torch.layout) -> None:
    model = create("residual_gcn2", in_channels=7)
    x, (adjacency, *_) = graphs(3, 7, 9)
    adjacency[2, 4] = adjacency[4, 2] = -0.5
    graph = adjacency if layout == torch.strided else adjacency.to_sparse(layout=layout)
    with pytest.raises(InputError, match=r"weights down to -0\.5; edges weigh 0 or more"):
        model(x, graph)


def test_wrong_calls_say_what_is_right() -> None:
    with pytest.raises(InputError, match="at least 1 convolution; 0 is too few"):
        create("residual_gcn0")
    with pytest.raises(InputError, match="CBAM looks at neighbouring places"):
        create("residual_gcn2", attention="cbam")
