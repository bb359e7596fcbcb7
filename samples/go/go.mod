module persona.example/samples

go 1.27
